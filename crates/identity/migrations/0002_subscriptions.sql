-- The products that the client's application is subscribed to: `oauth`, and names of services. None: all.
ALTER TABLE identity.clients ADD COLUMN products text[];
