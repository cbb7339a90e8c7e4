import type { RuleMessage } from '../../routing/message.ts'
import type { Msg } from '../define.ts'

/** MQTT 5 properties as the core node "mqtt in" puts them on a message, in the words of AWS's `get_mqtt_property`; `undefined` if there are none. */
export function mqttPropertiesOf(msg: Msg): RuleMessage['mqtt'] {
  const { contentType, responseTopic, correlationData, payloadFormatIndicator } = msg
  const found: NonNullable<RuleMessage['mqtt']> = {
    ...(typeof contentType === 'string' && { contentType }),
    ...(typeof responseTopic === 'string' && { responseTopic }),
    ...(correlationData instanceof Uint8Array && { correlationData }),
    ...(typeof payloadFormatIndicator === 'boolean' && {
      formatIndicator: payloadFormatIndicator ? 'UTF8_DATA' : 'UNSPECIFIED_BYTES',
    }),
  }
  return Object.keys(found).length > 0 ? found : undefined
}
