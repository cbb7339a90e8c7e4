// Copies the simulator's recordings to resources/recordings; scripts/build.ts runs it.
import { copyRecordings } from './copy-recordings.ts'

const copied = await copyRecordings('resources/recordings')
console.log(`${copied.length} recordings copied`)
