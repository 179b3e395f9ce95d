-- Takes from a client application's and a customer's bucket, both or neither. The rule of domain/customer.rs, with a
-- HyperLogLog in place of the replica's own sketch.
--
-- KEYS  1 the client's bucket; of one customer, in one slot: 2 bucket, 3 and 4 sketches of even and odd periods, 5 trial
-- ARGV  1 client's limit a minute, 2 customer's limit, 3 customer's tokens an hour, 4 seconds of a period, 5… hashes
-- gives {0 taken | 1 customer's bucket empty | 2 client's, customer's tokens, client's tokens, ms until it would do}
--
-- The customer's bucket also holds the period of its last use and how many distinct hashes it has been charged for.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local client_limit, customer_limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local client_rate, customer_rate = client_limit / 60000, tonumber(ARGV[3]) / 3600000
local length = tonumber(ARGV[4])
local asked = #ARGV - 4

local function level(state, limit, rate)
  if not state[1] then return limit end
  return math.min(limit, tonumber(state[1]) + math.max(0, now - tonumber(state[2])) * rate)
end

local state = redis.call('HMGET', KEYS[2], 't', 'at', 'period', 'counted')
local client = level(redis.call('HMGET', KEYS[1], 't', 'at'), client_limit, client_rate)
local customer = level(state, customer_limit, customer_rate)

local function answer(verdict, wait)
  return {verdict, math.floor(customer), math.floor(client), math.ceil(wait)}
end

if asked == 0 then return answer(0, 0) end
if client < asked then return answer(2, (asked - client) / client_rate) end

local period = math.floor(time[1] / length)
local current, previous = KEYS[3], KEYS[4]
if period % 2 == 1 then current, previous = previous, current end
local counted = tonumber(state[4] or 0)
local last = tonumber(state[3] or -2)
if last ~= period then
  redis.call('DEL', current)
  if last ~= period - 1 then redis.call('DEL', previous) end
  counted = redis.call('PFCOUNT', previous)
end

local hashes = {}
for i = 1, asked do hashes[i] = ARGV[4 + i] end

local charge = 0
local function charged(count)
  charge = math.max(0, math.min(asked, count - counted))
  counted = math.max(counted, count)
end

if customer >= asked then
  if redis.call('PFADD', current, unpack(hashes)) == 1 then charged(redis.call('PFCOUNT', current, previous)) end
else
  -- It may have to be refused, so it is tried on a copy: a refused call leaves no trace.
  redis.call('PFMERGE', KEYS[5], current, previous)
  redis.call('PFADD', KEYS[5], unpack(hashes))
  charged(redis.call('PFCOUNT', KEYS[5]))
  redis.call('DEL', KEYS[5])
  if charge > customer then return answer(1, (charge - customer) / customer_rate) end
  redis.call('PFADD', current, unpack(hashes))
end

client = client - asked
customer = customer - charge
redis.call('HSET', KEYS[1], 't', client, 'at', now)
redis.call('EXPIRE', KEYS[1], 120)
redis.call('HSET', KEYS[2], 't', customer, 'at', now, 'period', period, 'counted', counted)
for i = 2, 4 do redis.call('EXPIRE', KEYS[i], 2 * length) end
return answer(0, 0)
