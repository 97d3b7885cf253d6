/** What a process that does nothing but restore has to load. */
export { type RestoreRequest, restore } from '../keep/restore.ts'
