import { createFlightControl, type FlightControl } from "../exporter/flight-control.ts";
import { type AuthorizationState, createAuthorizationState } from "./auth/authorizer.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { WaitingState } from "./retry.ts";

/** What the transports of one client share: whom to leave alone for how long, tokens, and where registries were found. */
export interface TransportState extends WaitingState {
  /** By registry, and how it is reached. */
  readonly registries: Map<string, RegistryState>;
}

/** What is known of one registry. */
export interface RegistryState {
  readonly authorization: AuthorizationState;
  /** Where it was found, if there are several places to look at. */
  base: URL | undefined;
  readonly baseFlights: FlightControl<URL>;
  /** Whether the host shows redirects only by following them, as browsers do. */
  opaqueRedirects: boolean;
}

/** Hosts of which it is remembered until when they want to be left alone: redirects may name another one each time. */
const HOSTS = 1000;

/** Nothing is known yet. */
export const createTransportState = (): TransportState => ({
  pauses: new BoundedMap(HOSTS),
  waits: 0,
  registries: new Map(),
});

/** What is known of the registry of that key. */
export function registryState(state: TransportState, key: string): RegistryState {
  const known = state.registries.get(key);
  if (known !== undefined) return known;
  const created: RegistryState = {
    authorization: createAuthorizationState(),
    base: undefined,
    baseFlights: createFlightControl(),
    opaqueRedirects: false,
  };
  state.registries.set(key, created);
  return created;
}
