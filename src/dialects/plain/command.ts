import { isSection } from '../../twin/json.ts'
import { type MethodAnswer, readAnswer } from '../method-answer.ts'

/** Where a plain device hears of one call. */
export const commandTopic = (deviceId: string, { name, rid }: { name: string; rid: string }): string =>
  `devices/${deviceId}/commands/${name}/${rid}`

/** `{"status", "payload"}`; another shape means status 200 with that payload. */
export function plainCommandAnswer(payload: Uint8Array): MethodAnswer {
  const answer = readAnswer(payload)
  if (isSection(answer) && Object.keys(answer).every(key => key === 'status' || key === 'payload')) {
    const { status, payload: inner = null } = answer
    if (typeof status === 'number' && Number.isSafeInteger(status) && status !== 0) return { status, payload: inner }
  }
  return { status: 200, payload: answer }
}
