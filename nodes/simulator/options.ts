import { checkedOptions, type SimulatorOptions } from '../../src/simulator/options.ts'
import { recordingPath } from '../../src/simulator/recording-file.ts'
import type { SimulatorConfig } from './config.ts'

/** The simulator's options from the node's fields. SIMULATOR_CONFIG_INVALID, SIMULATOR_RECORDING. */
export function optionsOf(config: Partial<SimulatorConfig>, baseDir: string): SimulatorOptions {
  const { recording, recordingType = 'none', timeColumn, recordingDevices, recordingSpeed, keepTimes } = config
  const replays = recordingType !== 'none' && recording
  return checkedOptions({
    ...config,
    recording: replays && {
      path: recordingPath({ recording, kind: recordingType, baseDir }),
      timeColumn,
      devices: recordingDevices,
      speed: recordingSpeed,
      keepTimes: keepTimes === true,
    },
  })
}
