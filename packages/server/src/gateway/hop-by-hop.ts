/** For one connection only (RFC 9110 section 7.6.1), in requests and in responses. In lower case. */
export const HOP_BY_HOP = [
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
] as const
