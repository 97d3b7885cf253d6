-- Whether something that may be used once is used for the first time: 'first', 'replayed' or 'too_old'.
-- Before this text stands a line that says what `now` is, in whole milliseconds.
-- KEYS: the marker, and the claim (none: only the marker is looked after).
-- ARGV: for how long it has been issued, and for how long the claim is kept, in milliseconds.
--
-- The marker says since when this server remembers, and under which run of it. A server that was flushed has no
-- marker; one that was started again, or another one that took over, has another run. What was issued before may
-- have been claimed in a memory that is gone. Nothing is trusted to have survived, append-only files included:
-- they may lack the last second.
local CLOCK_SKEW_MS = 300000
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local marker = redis.call('GET', KEYS[1])
local since = nil
if marker then
  local marked_run, marked_since = string.match(marker, '^(%x+) (%d+)$')
  if marked_run == run then since = tonumber(marked_since) end
end
if since == nil or since > now + CLOCK_SKEW_MS then
  since = now
  redis.call('SET', KEYS[1], run .. ' ' .. string.format('%.0f', now))
end
if KEYS[2] == nil then return 'first' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'replayed' end
if now - tonumber(ARGV[1]) <= since then return 'too_old' end
redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
return 'first'
