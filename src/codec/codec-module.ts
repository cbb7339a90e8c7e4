/** The public face of the codecs: formats by name, content type or look, compression, and what decoded values are. */
export { binaryEvent, type BinaryEvent, type CloudEvent } from './cloud-events.ts'
export { type Codec, type CodecContext, codecLimits } from './codec.ts'
export { type CodecName, codecNames, codecOfType, type CodecOptions, detectCodec, openCodec } from './codecs.ts'
export { compressed, type Compression, compressionByMagic, compressionOf, inflated } from './compression.ts'
export type { Layout, LayoutField } from './layout/layout.ts'
export { plainOf } from './plain.ts'
export { readingsOfSenml } from './senml.ts'
export {
  openSparkplug,
  type Sparkplug,
  type SparkplugOptions,
  type SparkplugReading,
  type SparkplugTaken,
} from './sparkplug/open-sparkplug.ts'
export { openSparkplugCodec } from './sparkplug/sparkplug-codec.ts'
export { type SparkplugCommand, sparkplugCommand } from './sparkplug/sparkplug-command.ts'
export type { SparkplugMetric, SparkplugPayload } from './sparkplug/sparkplug-payload.ts'
export { hostState, hostTopic, readHostTopic, readSparkplugTopic, sparkplugTopic } from './sparkplug/topic.ts'
export type { SenmlRecord } from './senml-records.ts'
