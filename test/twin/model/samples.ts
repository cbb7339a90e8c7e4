/** Models of our own in the forms that the specifications of WoT and DTDL show. */
export const lamp = {
  '@context': ['https://www.w3.org/2022/wot/td/v1.1'],
  '@type': 'tm:ThingModel',
  id: 'urn:example:lamp',
  title: 'Desk lamp',
  version: { model: '1.2.0' },
  properties: {
    state: { type: 'string', enum: ['on', 'off'], readOnly: true },
    brightness: { type: 'integer', minimum: 0, maximum: 100, unit: 'percent' },
  },
  actions: { fade: { input: { type: 'object', properties: { overMs: { type: 'integer', minimum: 0 } }, required: ['overMs'] } } },
  events: { overheated: { data: { type: 'object', properties: { temperature: { type: 'number', unit: 'degreeCelsius' } } } } },
}

export const thermostat = {
  '@context': 'dtmi:dtdl:context;2',
  '@id': 'dtmi:example:Thermo;1',
  '@type': 'Interface',
  displayName: 'Thermo',
  contents: [
    { '@type': ['Telemetry', 'Temperature'], name: 'temperature', schema: 'double', unit: 'degreeCelsius' },
    { '@type': ['Property', 'Temperature'], name: 'target', schema: 'double', unit: 'degreeCelsius', writable: true },
    { '@type': 'Property', name: 'highest', schema: 'double' },
    {
      '@type': 'Command',
      name: 'report',
      request: { name: 'since', schema: 'dateTime' },
      response: {
        name: 'report',
        schema: {
          '@type': 'Object',
          fields: [
            { name: 'max', schema: 'double' },
            { name: 'end', schema: 'dateTime' },
          ],
        },
      },
    },
  ],
}

export const controller = {
  '@context': ['dtmi:iotcentral:context;2', 'dtmi:dtdl:context;2'],
  '@id': 'dtmi:example:Controller;2',
  '@type': 'Interface',
  extends: 'dtmi:example:Base;1',
  contents: [
    { '@type': ['Telemetry', 'DataSize'], name: 'workingSet', schema: 'double', unit: 'kibibyte' },
    { '@type': 'Command', name: 'reboot', request: { name: 'delay', schema: 'integer' } },
    { '@type': 'Component', name: 'upper', schema: 'dtmi:example:Thermo;1' },
    { '@type': 'Component', name: 'lower', schema: 'dtmi:example:Thermo;1' },
    { '@type': 'Relationship', name: 'room' },
  ],
}

export const base = {
  '@context': 'dtmi:dtdl:context;2',
  '@id': 'dtmi:example:Base;1',
  '@type': 'Interface',
  contents: [{ '@type': 'Property', name: 'serial', schema: 'string' }],
}

/** All kinds of schemas of DTDL v3. */
export const manySchemas = {
  '@context': 'dtmi:dtdl:context;3',
  '@id': 'dtmi:example:Many;1.4',
  '@type': 'Interface',
  schemas: [
    {
      '@id': 'dtmi:example:Many:mode;1',
      '@type': 'Enum',
      valueSchema: 'integer',
      enumValues: [
        { name: 'off', enumValue: 0 },
        { name: 'on', enumValue: 1 },
      ],
    },
  ],
  contents: [
    { '@type': 'Telemetry', name: 'mode', schema: 'dtmi:example:Many:mode;1' },
    { '@type': 'Telemetry', name: 'modes', schema: { '@type': 'Array', elementSchema: 'dtmi:example:Many:mode;1' } },
    {
      '@type': 'Telemetry',
      name: 'zones',
      schema: { '@type': 'Map', mapKey: { name: 'zone', schema: 'string' }, mapValue: { name: 'level', schema: 'float' } },
    },
    { '@type': 'Telemetry', name: 'where', schema: 'point' },
    { '@type': 'Telemetry', name: 'day', schema: 'date' },
    { '@type': 'Telemetry', name: 'clock', schema: 'time' },
    { '@type': 'Telemetry', name: 'lasted', schema: 'duration' },
    { '@type': 'Telemetry', name: 'count', schema: 'integer' },
    { '@type': 'Telemetry', name: 'total', schema: 'long' },
    { '@type': 'Telemetry', name: 'open', schema: 'boolean' },
    { '@type': 'Telemetry', name: 'odd', schema: { '@type': 'Exotic' } },
  ],
}

/** Every kind of schema of DTDL v3 that can hold others, in telemetry, properties and commands, and the words of IoT Central. */
export const station = {
  '@context': ['dtmi:dtdl:context;3', 'dtmi:iotcentral:context;2', 'dtmi:dtdl:extension:quantitativeTypes;1'],
  '@id': 'dtmi:example:Station;3',
  '@type': 'Interface',
  schemas: [
    {
      '@id': 'dtmi:example:Station:span;1',
      '@type': 'Object',
      fields: [
        { name: 'from', schema: 'time' },
        { name: 'to', schema: 'time' },
      ],
    },
  ],
  contents: [
    { '@type': 'Telemetry', name: 'temperature', schema: 'double', unit: 'degreeCelsius' },
    {
      '@type': 'Telemetry',
      name: 'state',
      schema: { '@type': 'Enum', valueSchema: 'string', enumValues: [{ name: 'open', enumValue: 'open' }] },
    },
    {
      '@type': 'Telemetry',
      name: 'matrix',
      schema: { '@type': 'Array', elementSchema: { '@type': 'Array', elementSchema: 'float' } },
    },
    { '@type': ['Telemetry', 'AccelerationVector'], name: 'shock', schema: 'vector' },
    { '@type': ['Telemetry', 'Location'], name: 'where', schema: 'geopoint' },
    { '@type': 'Telemetry', name: 'unitOfIt', schema: 'TemperatureUnit' },
    { '@type': 'Property', name: 'serial', schema: 'string' },
    {
      '@type': 'Property',
      name: 'hours',
      writable: true,
      schema: { '@type': 'Array', elementSchema: 'dtmi:example:Station:span;1' },
    },
    {
      '@type': 'Property',
      name: 'limits',
      writable: true,
      schema: {
        '@type': 'Map',
        mapKey: { name: 'point', schema: 'string' },
        mapValue: { name: 'limit', schema: { '@type': 'Object', fields: [{ name: 'high', schema: 'double' }] } },
      },
    },
    {
      '@type': 'Command',
      name: 'calibrate',
      request: { name: 'points', schema: { '@type': 'Array', elementSchema: 'double' } },
      response: { name: 'done', nullable: true, schema: 'dtmi:example:Station:span;1' },
    },
    { '@type': 'Component', name: 'inlet', schema: 'dtmi:example:Thermo;1' },
  ],
}

/** Values that a `station` with closed names cannot send, and what is said of them; `component`: of that one. */
export const wrongTelemetry: readonly { values: object; component?: string; said: string }[] = [
  { values: { temperature: '21' }, said: 'temperature type' },
  { values: { state: 'ajar' }, said: 'state enum' },
  { values: { matrix: [[1], [1, 2, 'x']] }, said: 'matrix[1][2] type' },
  { values: { shock: { x: 1, y: 2 } }, said: 'shock.z required' },
  { values: { where: { lat: 47.4, lon: 'east' } }, said: 'where.lon type' },
  { values: { battery: 3 }, said: 'battery unknown' },
  { values: { t: 1, temperature: 1 }, said: 't short' },
  { values: { temperature: null }, component: 'inlet', said: 'temperature type' },
  { values: { temperature: 1 }, component: 'outlet', said: 'outlet unknown' },
]
