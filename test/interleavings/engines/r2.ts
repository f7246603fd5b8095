import { openR2, type R2Timers } from "../../../src/cloudflare/index.ts";
import { after, isScheduled, now } from "../scheduler.ts";
import type { Engine } from "../world.ts";
import { YieldingBucket } from "./bucket.ts";

/** Milliseconds after which a call counts as lost: never. */
const TIMEOUT = 600_000;

/** Bytes up to this many stand in a record itself. */
const INLINE = 32 * 1024;

const DAY = 24 * 60 * 60;

/** A bucket that each actor opens for itself, as isolates do. */
export const r2: Engine = {
  name: "R2",
  async create() {
    const bucket = new YieldingBucket();
    /** Milliseconds that have passed when all have ended. */
    let later = 0;
    const timers: R2Timers = {
      now: () => now() + later,
      after: (milliseconds, call) => {
        if (isScheduled()) return after(milliseconds, call);
        // Outside of schedules no time is lost by waiting, and no call.
        if (milliseconds >= TIMEOUT) return () => undefined;
        later += milliseconds;
        const waiting = setImmediate(call);
        return () => clearImmediate(waiting);
      },
    };
    const open = () => openR2(bucket, { timers, timeout: TIMEOUT });
    return {
      async open() {
        const { content, images, metadata, leases } = open();
        return {
          content,
          images,
          metadata,
          leases,
          roots: async () => (await images.list()).map(({ target }) => target),
          close: async () => undefined,
        };
      },
      async leftovers() {
        later += 2 * DAY * 1000;
        await open().tidy(DAY);
        // A large blob has an object of its own; a small one stands in its record, as images and metadata do.
        let large = 0;
        for await (const { size } of open().content.list()) if (size > INLINE) large++;
        const data = bucket.keys.filter((key) => key.startsWith("data/"));
        return bucket.keys.filter(
          (key) => !/^(?:blobs|images|metadata)\//.test(key) && (!data.includes(key) || data.length > large),
        );
      },
      close: async () => undefined,
    };
  },
};
