import type { ConfigProblem } from './config-file.ts'
import { formatListenAddress, isLoopbackHost, type ListenAddress } from './setting-parsers.ts'
import { SETTINGS, type SettingValues } from './settings.ts'

/** What can only be said of several settings at once. */
export function problemsTogether(values: SettingValues): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if ((values.tlsCertPath === null) !== (values.tlsKeyPath === null)) {
    const [missing, present] =
      values.tlsCertPath === null
        ? (['tlsCertPath', 'tlsKeyPath'] as const)
        : (['tlsKeyPath', 'tlsCertPath'] as const)
    problems.push({
      setting: SETTINGS[missing].name,
      problem: `is missing, though ${SETTINGS[present].name} is set: TLS needs both`,
      allowed: SETTINGS[missing].allowed,
    })
  }
  problems.push(...clientCertificateProblems(values))
  if (values.feedPollMs >= values.leaseMs) {
    problems.push({
      setting: SETTINGS.feedPollMs.name,
      problem: `is not shorter than ${SETTINGS.leaseMs.name}, so every lease would run out between two polls`,
      allowed: SETTINGS.feedPollMs.allowed,
    })
  }
  if (values.signingKeyAheadSeconds > values.signingKeyRotationSeconds) {
    problems.push({
      setting: SETTINGS.signingKeyAheadSeconds.name,
      problem: `is longer than ${SETTINGS.signingKeyRotationSeconds.name}, so no key could be published that long before it signs`,
      allowed: SETTINGS.signingKeyAheadSeconds.allowed,
    })
  }
  if (values.databaseUrl !== null && values.revocationsJournalPath !== null) {
    problems.push({
      setting: SETTINGS.revocationsJournalPath.name,
      problem: `is for the embedded store: with ${SETTINGS.databaseUrl.name} no journal is kept`,
      allowed: null,
    })
  }
  return [...problems, ...plainListenerProblems(values), ...sameAddressProblems(values)]
}

/** A certificate that nobody asks for, or asks for without being able to tell whether it counts. */
function clientCertificateProblems(values: SettingValues): ConfigProblem[] {
  const { tlsClientCert, tlsClientCaPath, tlsCertPath, trustedProxies, proxyClientCert } = values
  const problems: ConfigProblem[] = []
  const add = (key: 'tlsClientCert' | 'tlsClientCaPath' | 'proxyClientCert', problem: string) => {
    problems.push({ setting: SETTINGS[key].name, problem, allowed: SETTINGS[key].allowed })
  }
  if (tlsClientCert !== 'off' && tlsCertPath === null) {
    add('tlsClientCert', `asks for certificates over TLS, and ${SETTINGS.tlsCertPath.name} is missing`)
  }
  if ((tlsClientCert === 'ca') !== (tlsClientCaPath !== null)) {
    add('tlsClientCaPath', `belongs to ${SETTINGS.tlsClientCert.name}=ca: one is set without the other`)
  }
  if (proxyClientCert && trustedProxies.length === 0) {
    add('proxyClientCert', `is about trusted proxies, and ${SETTINGS.trustedProxies.name} names none`)
  }
  return problems
}

/** Keys travel on these listeners; in plain HTTP beyond this machine anybody on the way could read them. */
function plainListenerProblems(values: SettingValues): ConfigProblem[] {
  const hasTls = values.tlsCertPath !== null || values.tlsKeyPath !== null
  if (hasTls || values.listenWithoutTls) return []
  return (['listen', 'gatewayListen', 'adminListen'] as const)
    .filter((key) => isExposed(values[key]))
    .map((key) => ({
      setting: SETTINGS[key].name,
      problem: 'is reachable from other machines, which needs TLS',
      allowed:
        'a loopback address; or any with CREDENCE_TLS_CERT and CREDENCE_TLS_KEY; or, behind a proxy that ' +
        'terminates TLS, any with CREDENCE_DANGEROUSLY_LISTEN_WITHOUT_TLS=true',
    }))
}

function isExposed(address: ListenAddress | 'off' | null): boolean {
  return address !== null && address !== 'off' && !isLoopbackHost(address.host)
}

function sameAddressProblems(values: SettingValues): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const takenBy = new Map<string, string>()
  for (const key of ['listen', 'gatewayListen', 'adminListen', 'opsListen'] as const) {
    const address = values[key]
    if (address === null || address === 'off' || address.port === 0) continue
    const text = formatListenAddress(address)
    const other = takenBy.get(text)
    if (other === undefined) takenBy.set(text, SETTINGS[key].name)
    else problems.push({ setting: SETTINGS[key].name, problem: `is the address of ${other}`, allowed: null })
  }
  return problems
}
