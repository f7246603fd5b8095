import { createFlightControl, type FlightControl } from "../exporter/flight-control.ts";
import type { StoreLocks } from "./locks.ts";

/**
 * Flight control for all pages and workers that have the store open: within one they share the work, and of several one works while
 * the others wait. Then each of these runs its own, which finds what the first has left.
 */
export function lockedFlights<T>(locks: StoreLocks): FlightControl<T> {
  const flights = createFlightControl<T>();
  return {
    do: (key, work, options) =>
      flights.do(key, (shared) => locks.exclusive(`flight:${key}`, () => work(shared), shared.signal), options),
  };
}
