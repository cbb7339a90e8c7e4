import { readSparkplugTopic } from '../../codec/sparkplug/topic.ts'

/** Sparkplug clients speak MQTT 3.1.1 and cannot say what their payloads are; their topics do. */
export const contentTypeOfTopic = (topic: string): string | undefined => readSparkplugTopic(topic) && 'application/x-sparkplug-b'
