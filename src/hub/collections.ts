/** Tags and attributes of devices, by device id. */
export const devicesColl = 'devices'
/** Twins, by `{device}|{name}`. */
export const twinsColl = 'twins'
