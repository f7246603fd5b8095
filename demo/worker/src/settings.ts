import type { R2BucketLike } from "slipway/cloudflare";

/** What the Worker finds in its environment. */
export interface Env {
  /** Where everything is kept. */
  readonly BUCKET: R2BucketLike;
  /** Who has it may write. Without one nobody may. */
  readonly WRITE_TOKEN?: string | undefined;
  /** Bytes that a posted body, and what it unpacks to, may have. Default 4 GiB. */
  readonly BODY_LIMIT?: string | undefined;
}

const GIBIBYTE = 1024 ** 3;

/** Entries that a tar may have: what is known of each is in memory while an image is built. */
export const ENTRY_LIMIT = 100_000;

export function bodyLimit({ BODY_LIMIT }: Env): number {
  const limit = Number(BODY_LIMIT);
  return BODY_LIMIT !== undefined && Number.isSafeInteger(limit) && limit > 0 ? limit : 4 * GIBIBYTE;
}
