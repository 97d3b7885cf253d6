-- The arithmetic of limits, as in packages/core/src/limit-arithmetic.ts, for all limits of a request in one call.
-- Before this text stands a line that says what `now` is, in whole milliseconds.
-- KEYS: the counters. ARGV: 'lease' or 'give back', and for each counter five more:
--   lease:     kind, limit, window in seconds, cost, batch
--   give back: kind, limit, window in seconds, units, start of the period they belong to
-- kind is 'rate' or a quota's period. A counter is the text 'a b'; it expires once it would count for nothing.
local REORDER_MS = 5000
local CLOCK_SKEW_MS = 300000
local HOUR_MS = 3600000
local DAY_MS = 86400000
local WEEK_MS = 604800000
local EPOCH_AFTER_MONDAY_MS = 259200000

-- The first day of the month that holds a day, both in days since the epoch. (Howard Hinnant's civil_from_days:
-- years that begin in March end with the leap day, so months have fixed starts.)
local function first_of_month(day)
  local shifted = day + 719468
  local day_of_era = shifted - math.floor(shifted / 146097) * 146097
  local year = math.floor((day_of_era - math.floor(day_of_era / 1460) + math.floor(day_of_era / 36524)
    - math.floor(day_of_era / 146096)) / 365)
  local day_of_year = day_of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * day_of_year + 2) / 153)
  return day - (day_of_year - math.floor((153 * month + 2) / 5))
end

local function period_start(period, ms)
  if period == 'hour' then return math.floor(ms / HOUR_MS) * HOUR_MS end
  if period == 'day' then return math.floor(ms / DAY_MS) * DAY_MS end
  if period == 'week' then
    return math.floor((ms + EPOCH_AFTER_MONDAY_MS) / WEEK_MS) * WEEK_MS - EPOCH_AFTER_MONDAY_MS
  end
  return first_of_month(math.floor(ms / DAY_MS)) * DAY_MS
end

local function period_end(period, ms)
  local start = period_start(period, ms)
  if period == 'hour' then return start + HOUR_MS end
  if period == 'day' then return start + DAY_MS end
  if period == 'week' then return start + WEEK_MS end
  -- Thirty-one days after the first of a month lie in the next one.
  return first_of_month(start / DAY_MS + 31) * DAY_MS
end

-- The counter brought up to now; a and b are nil where there is none.
local function current(one, a, b)
  if one.kind == 'rate' then
    if a == nil then return 0, now end
    local debt = math.min(a, one.capacity)
    if b >= now then
      if b > now + REORDER_MS then return debt, now end
      return debt, b
    end
    return math.max(0, debt - (now - b) * one.limit), now
  end
  local start = period_start(one.kind, now)
  if a == nil or b < start then return 0, start end
  if b > now + CLOCK_SKEW_MS then return math.min(a, one.limit), start end
  return math.min(a, one.limit), b
end

-- Whether a cost fits, the counter after it, what is left, and the waits: for the cost (-1: none helps, or none is
-- needed), until it is full again, and until the period ends (-1: it has none).
local function take(one, a, b, cost)
  if one.kind == 'rate' then
    local excess = a + cost * one.window_ms - one.capacity
    local allowed = excess <= 0
    local after = allowed and a + cost * one.window_ms or a
    local ahead = b - now
    local retry = -1
    if not allowed and cost <= one.limit then retry = ahead + math.ceil(excess / one.limit) end
    local reset = after == 0 and 0 or ahead + math.ceil(after / one.limit)
    return allowed, after, math.floor((one.capacity - after) / one.window_ms), retry, reset, -1
  end
  local allowed = a + cost <= one.limit
  local after = allowed and a + cost or a
  local ends = period_end(one.kind, b) - now
  local retry = -1
  if not allowed and cost <= one.limit then retry = ends end
  return allowed, after, one.limit - after, retry, after == 0 and 0 or ends, ends
end

-- Kept a little longer than it counts: a clock that goes back must find it.
local function keep(one, a, b)
  local life
  if one.kind == 'rate' then
    life = b - now + math.ceil(a / one.limit) + 2 * REORDER_MS
  else
    life = period_end(one.kind, b) - now + CLOCK_SKEW_MS
  end
  redis.call('SET', one.key, string.format('%.0f %.0f', a, b), 'PX', string.format('%.0f', math.max(1, life)))
end

local all = {}
for index, key in ipairs(KEYS) do
  local at = 2 + (index - 1) * 5
  local one = { key = key, kind = ARGV[at], limit = tonumber(ARGV[at + 1]) }
  one.window_ms = tonumber(ARGV[at + 2]) * 1000
  one.capacity = one.limit * one.window_ms
  one.fourth = tonumber(ARGV[at + 3])
  one.fifth = tonumber(ARGV[at + 4])
  local text = redis.call('GET', key)
  if text then
    local a, b = string.match(text, '^(%d+) (%d+)$')
    one.kept_a, one.kept_b = tonumber(a), tonumber(b)
  end
  all[index] = one
end

if ARGV[1] == 'give back' then
  for _, one in ipairs(all) do
    local a, b = one.kept_a, one.kept_b
    if a ~= nil and (one.kind == 'rate' or b == one.fifth) then
      local units = one.kind == 'rate' and one.fourth * one.window_ms or one.fourth
      keep(one, math.max(0, a - units), b)
    end
  end
  return {}
end

local fits = true
for _, one in ipairs(all) do
  one.a, one.b = current(one, one.kept_a, one.kept_b)
  one.allowed, one.after, one.left, one.retry, one.reset, one.ends = take(one, one.a, one.b, one.fourth)
  fits = fits and one.allowed
end
local reply = { fits and 1 or 0 }
for _, one in ipairs(all) do
  local units = 0
  if fits then
    units = math.min(one.fifth, one.left)
    if units > 0 then
      local _
      _, one.after, one.left, one.retry, one.reset, one.ends = take(one, one.after, one.b, units)
    end
  elseif one.allowed then
    local _
    _, one.after, one.left, one.retry, one.reset, one.ends = take(one, one.a, one.b, 0)
  end
  if fits and one.fourth + units > 0 then
    keep(one, one.after, one.b)
  elseif one.kept_a ~= nil and one.b < one.kept_b then
    -- A clock that went back is kept though nothing is taken: waiting would not count otherwise.
    keep(one, one.a, one.b)
  end
  for _, value in ipairs({ one.allowed and 1 or 0, units, one.left, one.retry, one.reset, one.b, one.ends }) do
    table.insert(reply, value)
  end
end
return reply
