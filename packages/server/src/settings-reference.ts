import { CONFIG_FILE_SETTING, fileName, SETTINGS, type Setting } from './settings.ts'

/** Every setting as a Markdown page: docs/reference/settings.md is this text. */
export function settingsReference(): string {
  const rows = Object.values(SETTINGS).map((setting: Setting<unknown>) => {
    const names = setting.secret ? `\`${setting.name}\`, \`${setting.name}_FILE\`` : `\`${setting.name}\``
    return `| ${names} | \`${fileName(setting)}\` | ${setting.defaultText} | ${setting.allowed} | ${setting.about} |`
  })
  return `${HEAD}\n${rows.join('\n')}\n`
}

const HEAD = `# Settings

<!-- Printed by scripts/generate-settings-reference.ts from packages/server/src/settings.ts. Do not edit. -->

Every setting is an environment variable, or an entry of the JSON file that \`${CONFIG_FILE_SETTING}\` names:
one object, each name in lower case without \`CREDENCE_\`, lists also as JSON lists. Where both are given, the
variable wins. Settings are read once, at start, and checked as a whole: a blank value, an unknown name or a wrong
value stops the start, and every problem is listed. A setting that holds a secret can be read from a file
(\`…_FILE\`).

\`CREDENCE_LISTEN\`, \`CREDENCE_GATEWAY_LISTEN\` and \`CREDENCE_ADMIN_LISTEN\` beyond loopback need
\`CREDENCE_TLS_CERT\` and \`CREDENCE_TLS_KEY\`, or \`CREDENCE_DANGEROUSLY_LISTEN_WITHOUT_TLS=true\` behind a proxy
that terminates TLS. \`CREDENCE_OPS_LISTEN\` is plain HTTP wherever it listens and serves nothing secret.

| Variable | In the file | Default | Allowed | What it does |
|---|---|---|---|---|`
