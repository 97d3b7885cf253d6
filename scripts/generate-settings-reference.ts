/** Writes docs/reference/settings.md from the table of settings. A test fails while the two differ. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { settingsReference } from '@credence/server'

const folder = new URL('../docs/reference/', import.meta.url)
mkdirSync(folder, { recursive: true })
writeFileSync(new URL('settings.md', folder), settingsReference())
