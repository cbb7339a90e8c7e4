type Section = Readonly<Record<string, unknown>>

export interface FleetTwin {
  desired: Section
  reported: Section
  /** something is desired and not reported */
  hasDelta: boolean
  /** of the twin as it was read, to know what is newer; no field of queries */
  etag?: number
}

/** What the fleet index holds of a device. Sections belong to those who gave them: nobody changes one in place. */
export interface FleetDoc {
  id: string
  /** attribute `model` */
  model?: string
  state: 'pending' | 'active' | 'quarantined' | 'retired'
  enabled: boolean
  /** static groups, and those above them */
  groups: readonly string[]
  attributes: Section
  tags: Section
  twin: FleetTwin
  shadows: Readonly<Record<string, FleetTwin>>
  connectivity: {
    connected: boolean
    /** of the last connect or disconnect, epoch ms */
    timestamp?: number
    disconnectReason?: string
  }
  /** of the active certificate that ends last, epoch ms */
  cert: { notAfter?: number }
  /** epoch ms */
  createdAt: number
}
