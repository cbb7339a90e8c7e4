import type { FleetDoc } from '../../../src/topology/fleet-doc.ts'

type Given = Partial<Omit<FleetDoc, 'twin'>> & { twin?: Partial<FleetDoc['twin']> }

/** A device's document in the fleet index with these members. */
export const fleetDoc = ({ twin, ...given }: Given): FleetDoc => ({
  id: 'd',
  state: 'active',
  enabled: true,
  groups: [],
  attributes: {},
  tags: {},
  twin: { desired: {}, reported: {}, hasDelta: false, ...twin },
  shadows: {},
  connectivity: { connected: false },
  cert: {},
  createdAt: 1,
  ...given,
})
