import type { Passwords } from '@credence/core'
import type { Logger } from 'pino'
import { type RenewArguments, renewPassword } from './operations/renew-password.ts'

/**
 * Has digests of passwords made anew in the background, one at a time: what comes meanwhile is left, and comes again
 * when its password does. The caller, who is let in already, waits for nothing and hears of no failure.
 */
export function passwordRenewals(
  context: () => Parameters<typeof renewPassword>[0],
  log: Logger,
): Passwords['renew'] {
  let isBusy = false
  const attempt = async (args: RenewArguments) => {
    const credential = args.credential.id
    try {
      const outcome = await renewPassword(context(), args)
      if (!outcome.ok) log.info({ credential, detail: outcome.problem.detail }, NOT_RENEWED)
      else if (outcome.value !== null) log.info({ credential }, 'the digest of a password was renewed')
    } catch (error) {
      log.warn({ err: error, credential }, NOT_RENEWED)
    } finally {
      isBusy = false
    }
  }
  return (credential, version, password) => {
    if (isBusy) return
    isBusy = true
    void attempt({ credential, version, password })
  }
}

const NOT_RENEWED = 'the digest of a password could not be renewed'
