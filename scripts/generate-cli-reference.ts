import { writeFile } from 'node:fs/promises'
import { renderReference } from 'credence/reference'

/** Writes docs/reference/cli.md. A test of packages/cli fails while it is not current. */
await writeFile(new URL('../docs/reference/cli.md', import.meta.url), renderReference())
