/** Keeps so many calls in flight until the time is over; calls per second. */
export async function rateInFlight(
  inFlight: number,
  ms: number,
  call: (n: number) => Promise<unknown>,
): Promise<number> {
  const from = performance.now()
  const until = from + ms
  let next = 0
  let done = 0
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      await call(next++)
      done += 1
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return (done * 1_000) / (performance.now() - from)
}

/** The same for a given number of calls; how long it took, in ms. */
export async function msOfCalls(
  inFlight: number,
  calls: number,
  call: (n: number) => Promise<unknown>,
): Promise<number> {
  const from = performance.now()
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < calls) await call(next++)
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return performance.now() - from
}
