import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export interface Certificate {
  readonly certPath: string
  readonly keyPath: string
}

/** A self-signed certificate in a folder, of this common name and alternative name (`IP:127.0.0.1`, `DNS:…`). */
export function makeCertificate(folder: string, name: string, alternativeName: string): Certificate {
  const paths = { certPath: join(folder, `${name}.crt`), keyPath: join(folder, `${name}.key`) }
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${alternativeName}`, '-days', '2']
  execFileSync('openssl', [...kind, ...names, '-keyout', paths.keyPath, '-out', paths.certPath], {
    stdio: 'ignore',
  })
  return paths
}
