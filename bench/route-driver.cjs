// A node for the bench of rules: sends messages, counts what comes back of them, and sends the next ones when all of it is there. Its cost is next to nothing.
module.exports = RED => {
  function Drive(config) {
    RED.nodes.createNode(this, config)
    const batch = Array.from({ length: config.batch }, (_, i) => {
      const temperature = (i * 7919) % 101
      const body = {
        ...{ deviceId: `pump-${i}`, ts: 1_700_000_000_000 + i, temperature, humidity: 41.5, pressure: 1013.2, state: 'running' },
        ...{ battery: 3.7, line: 'L7', alarm: false, location: { site: 'plant-3', row: 12 }, firmware: '1.4.2' },
      }
      return { topic: `dt/pump-${i}/telemetry`, payload: Buffer.from(JSON.stringify(body)), temperature }
    })
    const matches = ({ temperature }) => config.rules.filter(({ from, to }) => temperature >= from && temperature <= to).length
    const due = batch.reduce((sum, message) => sum + (config.each || matches(message)), 0)
    let left = 0
    let waiting = 0
    let end
    const next = () => {
      if (left-- === 0) return end()
      waiting = due
      this.send([batch.map(({ topic, payload }) => ({ topic, payload }))])
    }
    this.on('input', (_msg, _send, done) => {
      done()
      if (--waiting === 0) next()
    })
    RED.httpNode.get(`/${config.id}`, async ({ query }, answer) => {
      left = Number(query.batches)
      const before = process.cpuUsage()
      await new Promise(resolve => {
        end = resolve
        next()
      })
      const { user, system } = process.cpuUsage(before)
      const messages = query.batches * batch.length
      answer.json({ us: (user + system) / messages, delivered: due / batch.length })
    })
  }
  RED.nodes.registerType('bench-drive', Drive)
}
