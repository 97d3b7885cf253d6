-- Forward-auth for HAProxy 2.6 and later: an action that asks Credence about a request.
-- How to use it, and the lines without which it does not protect: docs/guides/haproxy.md.
--
--   http-request lua.credence 127.0.0.1:6748 orders
--
-- It removes whatever could be taken for a header of Credence's, asks, and then either
--   * sets the identity headers and the variable txn.credence_allowed to "yes", or
--   * answers the caller with Credence's refusal, or
--   * returns, where there was no answer to rely on. An action of HAProxy's that fails lets the request go on, so the
--     configuration must refuse whatever has no txn.credence_allowed.

-- Longer than what stands behind the socket may take: HAProxy's client asks again, up to four times, when it hears nothing.
local TIMEOUT_MS = 5000

-- What the caller may be told of a refusal.
local TOLD = {
  "content-type", "www-authenticate", "retry-after", "ratelimit", "ratelimit-policy", "cache-control",
  "credence-request-id", "dpop-nonce",
}
-- Refusals of Credence's; any other status is no answer to rely on.
local REFUSALS = { [400] = true, [401] = true, [403] = true, [429] = true, [503] = true }

-- Names without punctuation: servers that make variables of headers read X_Credence_Principal as X-Credence-Principal.
local function folded(name)
  return (name:lower():gsub("[^a-z0-9]", ""))
end

-- What only Credence and this proxy may say.
local OURS = { "^xcredence", "^credence", "^xforwarded", "^xoriginal" }
-- What some frameworks take for another method or path than the one that was authorized.
local OVERRIDES = { xhttpmethod = true, xhttpmethodoverride = true, xmethodoverride = true, xrewriteurl = true }

local function is_ours(name)
  local plain = folded(name)
  for _, pattern in ipairs(OURS) do
    if plain:find(pattern) then return true end
  end
  return OVERRIDES[plain] == true
end

-- About the connection or the body that the caller sent, neither of which the question has.
local NOT_ASKED = {
  ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true, ["http2-settings"] = true,
  ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true,
  ["transfer-encoding"] = true, ["upgrade"] = true, ["accept-encoding"] = true,
}

-- The values of a header, in order: HAProxy counts from 0 in requests and from 1 in answers.
local function values_of(list)
  local values = {}
  if list[0] ~= nil then values[1] = list[0] end
  for _, value in ipairs(list) do values[#values + 1] = value end
  return values
end

-- The target as it came. In HTTP/2 there is none: HAProxy makes one of scheme, authority and path.
local function target_of(txn)
  if txn.sf:req_ver() == "2.0" then return txn.sf:pathq() end
  return txn.sf:url()
end

local function question(txn)
  local headers = {}
  for name, list in pairs(txn.http:req_get_headers()) do
    if is_ours(name) then
      txn.http:req_del_header(name)
    elseif not NOT_ASKED[name:lower()] then
      headers[name] = values_of(list)
    end
  end
  headers["host"] = { "credence" }
  headers["x-forwarded-method"] = { txn.sf:method() }
  headers["x-forwarded-uri"] = { target_of(txn) }
  headers["x-forwarded-for"] = { txn.sf:src() }
  headers["x-forwarded-host"] = { txn.sf:req_fhdr("host") }
  headers["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
  return headers
end

local function allow(txn, answer)
  for name, list in pairs(answer.headers) do
    if name:lower():find("^x%-credence%-[a-z-]+$") then
      txn.http:req_set_header(name, values_of(list)[1] or "")
    end
  end
  for _, name in ipairs({ "ratelimit", "ratelimit-policy", "dpop-nonce" }) do
    local list = answer.headers[name]
    if list ~= nil then txn:set_var("txn.credence_" .. name:gsub("-", "_"), values_of(list)[1]) end
  end
  txn:set_var("txn.credence_allowed", "yes")
end

local function refuse(txn, answer)
  local headers = {}
  for _, name in ipairs(TOLD) do
    local list = answer.headers[name]
    if list ~= nil then headers[name] = values_of(list) end
  end
  txn:done(txn:reply({ status = answer.status, headers = headers, body = answer.body }))
end

core.register_action("credence", { "http-req" }, function(txn, address, api)
  local answer = core.httpclient():get({
    url = "http://credence/v1/authorize/" .. api,
    dst = address,
    headers = question(txn),
    timeout = TIMEOUT_MS,
  })
  if answer == nil or answer.headers == nil then return end
  local is_problem = answer.headers["content-type"] ~= nil
    and values_of(answer.headers["content-type"])[1] == "application/problem+json"
  if answer.status == 200 and answer.headers["x-credence-request-id"] ~= nil then
    allow(txn, answer)
  elseif REFUSALS[answer.status] and is_problem then
    refuse(txn, answer)
  end
end, 2)
