-- Takes from a client application's and a customer's bucket, both or neither. The rule of domain/customer.rs, with a
-- HyperLogLog in place of the replica's own sketch.
--
-- KEYS  1 the client's bucket; of one customer, in one slot: 2 bucket, 3 known, 4 current, 5 trial
-- ARGV  1 client's limit a minute, 2 customer's limit, 3 customer's tokens an hour, 4 seconds of a period, 5… hashes
-- gives {0 taken | 1 customer's bucket empty | 2 client's, customer's tokens, client's tokens, ms until it would do}
--
-- A hash is charged for when it changes the sketch of those known, to which it is added twice, under two names, so that
-- hardly a new one finds both its registers taken. A difference of PFCOUNTs would be rounded in each call, in favour of
-- whoever asks one by one: 1,034 hashes for 1,000 tokens.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local client_limit, customer_limit, per_hour = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local client_rate, customer_rate = client_limit / 60000, per_hour / 3600000
local length = tonumber(ARGV[4])
local asked = #ARGV - 4

local function level(state, limit, rate)
  if not state[1] then return limit end
  return math.min(limit, tonumber(state[1]) + math.max(0, now - tonumber(state[2])) * rate)
end

local state = redis.call('HMGET', KEYS[2], 't', 'at', 'period')
local client = level(redis.call('HMGET', KEYS[1], 't', 'at'), client_limit, client_rate)
local customer = level(state, customer_limit, customer_rate)

local function answer(verdict, wait)
  return {verdict, math.floor(customer), math.floor(client), math.ceil(wait)}
end

if asked == 0 then return answer(0, 0) end
if client < asked then return answer(2, (asked - client) / client_rate) end

local known, current, trial = KEYS[3], KEYS[4], KEYS[5]
local period = math.floor(time[1] / length)
local last = tonumber(state[3] or -2)
if last ~= period then
  if last == period - 1 and redis.call('EXISTS', current) == 1 then
    redis.call('RENAME', current, known)
  else
    redis.call('DEL', known, current)
  end
  redis.call('HSET', KEYS[2], 't', customer, 'at', now, 'period', period)
end

-- What may have to be refused is tried on a copy: a refused call leaves no trace.
local may_fail = customer < asked
local sketch = may_fail and trial or known
if may_fail then redis.call('PFMERGE', trial, known) end
local charge, names = 0, {}
for i = 1, asked do
  local one, other = ARGV[4 + i], ARGV[4 + i] .. '+'
  charge = charge + redis.call('PFADD', sketch, one, other)
  names[2 * i - 1], names[2 * i] = one, other
end
if charge > customer then
  redis.call('DEL', trial)
  return answer(1, (charge - customer) / customer_rate)
end
if may_fail then redis.call('RENAME', trial, known) end
redis.call('PFADD', current, unpack(names))

client = client - asked
customer = customer - charge
redis.call('HSET', KEYS[1], 't', client, 'at', now)
redis.call('EXPIRE', KEYS[1], 120)
redis.call('HSET', KEYS[2], 't', customer, 'at', now, 'period', period)
redis.call('EXPIRE', KEYS[2], math.max(2 * length, math.ceil(customer_limit / per_hour * 3600)))
redis.call('EXPIRE', known, 2 * length)
redis.call('EXPIRE', current, 2 * length)
return answer(0, 0)
