import type { Authority, Revocation } from '../pki/authority.ts'
import type { Problems } from './problems.ts'

const gatherMs = 5000

/** Keeps the revocation lists of the hub's authorities: new ones a few seconds after certificates ended, and long before they run out. */
export function createRevocationLists(parts: {
  authority: Pick<Authority, 'revoke' | 'renewCrls' | 'crlAlarms'>
  schedule(ms: number, fn: () => void): () => void
  problems: Problems
}) {
  const { authority, problems } = parts
  let waiting: Revocation[] = []

  const issue = async (): Promise<void> => {
    const list = waiting
    waiting = []
    await authority.revoke(list, { written: true })
  }
  return {
    /** They are in the store already. */
    due(list: readonly Revocation[]): void {
      if (!waiting.length) parts.schedule(gatherMs, () => problems.watch('revocation lists', issue()))
      waiting.push(...list)
    },
    async renew(): Promise<void> {
      await authority.renewCrls()
      const [alarm] = authority.crlAlarms()
      if (alarm)
        problems.warn(
          `the revocation list of "${alarm.issuerId}" ends ${new Date(alarm.nextUpdate).toISOString()}: verifiers that use it will then refuse everyone`,
        )
    },
  }
}
