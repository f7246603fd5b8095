import type { R2BucketLike } from "slipway/cloudflare";

/** What the Worker finds in its environment. */
export interface Env {
  /** Where everything is kept. */
  readonly BUCKET: R2BucketLike;
  /** Who has it may write. Without one nobody may. */
  readonly WRITE_TOKEN?: string | undefined;
  /** Bytes that a posted body, and what it unpacks to, may have. Default 4 GiB. */
  readonly BODY_LIMIT?: string | undefined;
  /** Registries, with spaces between, that images may be built on and that pages may talk to by the relay. Default none. */
  readonly REGISTRIES?: string | undefined;
  /** Origins, with spaces between, whose pages may use the relay; `*` stands for all. Default: only pages of the Worker's own. */
  readonly PAGES?: string | undefined;
  /** `pull push`, or `pull`, which is the default: what the relay lets through. */
  readonly RELAY_ACTIONS?: string | undefined;
}

const GIBIBYTE = 1024 ** 3;

/**
 * Entries that a tar may have: what is known of each is in memory while an image is built. An entry takes some 300 bytes, and a build some
 * 10 MB besides (`test/bench/entries.js`), so that two builds at once are to fit into the 128 MB that an isolate has.
 */
export const ENTRY_LIMIT = 50_000;

/** The words of a setting. */
export const wordsOf = (setting = ""): readonly string[] => setting.split(/\s+/).filter((word) => word !== "");

export const registriesOf = ({ REGISTRIES }: Env): readonly string[] => wordsOf(REGISTRIES);

export function bodyLimit({ BODY_LIMIT }: Env): number {
  const limit = Number(BODY_LIMIT);
  return BODY_LIMIT !== undefined && Number.isSafeInteger(limit) && limit > 0 ? limit : 4 * GIBIBYTE;
}
