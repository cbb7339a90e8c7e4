import mocha from 'mocha'

/** Dots and failures, then `N passed, N failed` as the last line. */
export default class Summary extends mocha.reporters.Dot {
  constructor(runner, options) {
    super(runner, options)
    const { stats } = this
    process.once('exit', () => process.stdout.write(`${stats.passes} passed, ${stats.failures} failed\n`))
  }
}
