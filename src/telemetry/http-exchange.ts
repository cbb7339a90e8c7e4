/** A request of a device over HTTPS, as it came. */
export interface HttpRequest {
  method: string
  /** path, still percent-encoded, beginning with `/` */
  path: string
  /** what follows `?`, still encoded */
  query: string
  /** names in lower case */
  headers: Readonly<Record<string, string | undefined>>
  body: Uint8Array
}

export interface HttpAnswer {
  status: number
  headers: Record<string, string>
  body: string
  /** instead of `body`, where it is no text */
  bytes?: Uint8Array
}
