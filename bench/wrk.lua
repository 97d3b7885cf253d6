-- Sends one of many prepared requests at random: what stands in the file TARGETS, a line each of
-- `METHOD path name:value name:value …` (a space in a value as %20). Prints what came of it as one line of JSON.
local prepared = {}

function init(args)
  math.randomseed(tonumber(args[2]))
  for line in io.lines(args[1]) do
    local parts = {}
    for part in line:gmatch("%S+") do parts[#parts + 1] = part end
    local headers = { Host = wrk.headers["Host"] }
    for i = 3, #parts do
      local name, value = parts[i]:match("^([^:]+):(.*)$")
      headers[name] = value:gsub("%%20", " ")
    end
    prepared[#prepared + 1] = wrk.format(parts[1], parts[2], headers)
  end
end

function request()
  return prepared[math.random(#prepared)]
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests":%d,"microseconds":%d,"failed":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
