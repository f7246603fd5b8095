import type { R2BucketLike } from "slipway/cloudflare";

/** What the Worker finds in its environment. */
export interface Env {
  /** Where everything is kept. */
  readonly BUCKET: R2BucketLike;
  /** Who has it may write. Without one nobody may. */
  readonly WRITE_TOKEN?: string | undefined;
  /** Bytes that a posted body, and what it unpacks to, may have. Default 4 GiB. */
  readonly BODY_LIMIT?: string | undefined;
  /** Calls to R2 that a request may make: 1000 on the Free plan. Default 10,000, as on Paid. */
  readonly CALL_LIMIT?: string | undefined;
  /** Registries, with spaces between, that images may be built on and that pages may talk to by the relay. Default none. */
  readonly REGISTRIES?: string | undefined;
  /** Origins, with spaces between, whose pages may use the relay; `*` stands for all. Default: only pages of the Worker's own. */
  readonly PAGES?: string | undefined;
  /** Programs that are no pages may use the relay, too, if they send this as `x-relay-token`. Default: none may. */
  readonly RELAY_TOKEN?: string | undefined;
  /** `pull push`, or `pull`, which is the default: what the relay lets through. */
  readonly RELAY_ACTIONS?: string | undefined;
}

const GIBIBYTE = 1024 ** 3;

/**
 * Entries that a tar may have: what is known of each is in memory while an image is built. An entry takes some
 * 300 to 550 bytes (`test/bench/entries.js`). Two builds of 50,000 entries at once are meant to fit into the 128 MB that an isolate has; this
 * is an estimate from figures of Node, as no simulator enforces that limit.
 */
export const ENTRY_LIMIT = 50_000;

/** The words of a setting. */
export const wordsOf = (setting = ""): readonly string[] => setting.split(/\s+/).filter((word) => word !== "");

export const registriesOf = ({ REGISTRIES }: Env): readonly string[] => wordsOf(REGISTRIES);

export const bodyLimit = ({ BODY_LIMIT }: Env): number => limitOf(BODY_LIMIT) ?? 4 * GIBIBYTE;

export const callLimit = ({ CALL_LIMIT }: Env): number | undefined => limitOf(CALL_LIMIT);

function limitOf(setting: string | undefined): number | undefined {
  const limit = Number(setting);
  return Number.isSafeInteger(limit) && limit > 0 ? limit : undefined;
}
