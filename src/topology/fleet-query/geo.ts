const earthM = 6_371_008.8
const rad = Math.PI / 180

export interface Position {
  lat: number
  lon: number
}

const positionOf = (lat: unknown, lon: unknown): Position | undefined =>
  typeof lat === 'number' && typeof lon === 'number' && Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lat, lon } : undefined

/** `{lat, lon}`, `{latitude, longitude}`, a GeoJSON point (RFC 7946: longitude first), `"lat,lon"`; anything else is none. */
export function readPosition(value: unknown): Position | undefined {
  if (typeof value === 'string') {
    const parts = value.length <= 64 ? value.split(',') : []
    return parts.length === 2 && parts.every(part => part.trim()) ? positionOf(Number(parts[0]), Number(parts[1])) : undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { lat, lon, lng, latitude, longitude, type, coordinates } = value as Record<string, unknown>
  if (type === 'Point' && Array.isArray(coordinates)) return positionOf(coordinates[1], coordinates[0])
  return positionOf(lat ?? latitude, lon ?? lng ?? longitude)
}

/** Along the surface of a sphere of the earth's mean radius (haversine), in metres. */
export function distanceM(a: Position, b: Position): number {
  const [dLat, dLon] = [(b.lat - a.lat) * rad, (b.lon - a.lon) * rad]
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(dLon / 2) ** 2
  return 2 * earthM * Math.asin(Math.min(1, Math.sqrt(h)))
}
