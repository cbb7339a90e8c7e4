export interface ExpectedMessage {
  body: Buffer
  contentType?: string
  contentEncoding?: string
  messageId?: string
  correlationId?: string
  properties: Record<string, string>
  topic?: string
  stream?: string
}
export function messageOf(family: 'azure' | 'aws', i: number): ExpectedMessage
