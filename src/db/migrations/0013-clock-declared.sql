-- What the clock was declared to be when the domain began with a declaration the last time: a guest that writes back what it was given
-- has said nothing of its own.
ALTER TABLE server_clocks ADD COLUMN declared VARCHAR(16);
ALTER TABLE server_clocks ADD COLUMN declared_zone VARCHAR(64);
