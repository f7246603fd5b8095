import type { R2Store } from "../../../src/cloudflare/index.ts";
import { assertEqual } from "../../../src/conformance.ts";
import { digestOfBytes, sampleBytes } from "../../../src/content/conformance/support.ts";
import { collectGarbage, readBlobBytes, withLease, writeBlob } from "../../../src/content/index.ts";
import { isSlipwayError } from "../../../src/errors.ts";
import type { Image } from "../../../src/images/index.ts";
import type { Digest } from "../../../src/oci/index.ts";

/** Work in a store, each call of which goes wrong in every way. */
export interface Scenario {
  readonly name: string;
  /** Without faults. */
  prepare?(store: R2Store): Promise<void>;
  /** With faults; can be done again after it failed. */
  act(store: R2Store): Promise<void>;
  /** What must hold, without faults, once `act` has succeeded. */
  check(store: R2Store): Promise<void>;
}

const PART = 5 * 1024 * 1024;
const small = sampleBytes(1, 700);
const medium = sampleBytes(2, 100_000);
const large = sampleBytes(3, PART + 1234);

const tiny = sampleBytes(5, 10);

const digests = new Map([small, medium, large, tiny].map((bytes) => [bytes, digestOfBytes(bytes)] as const));

const digestOf = (bytes: Uint8Array): Digest => digests.get(bytes) ?? digestOfBytes(bytes);

const writes = (bytes: Uint8Array) => async (store: R2Store) => {
  await writeBlob(store.content, bytes, { ref: "r", digest: digestOf(bytes), size: bytes.byteLength });
};

/** Its bytes are looked at by whoever runs the scenario. */
const has = (bytes: Uint8Array) => async (store: R2Store) => {
  const digest = digestOf(bytes);
  assertEqual(await store.content.info(digest), { digest, size: bytes.byteLength, labels: {} }, "info");
};

const image = (size: number): Image => ({
  name: "docker.io/library/hello:latest",
  target: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(small), size },
});

const targetsOf = async ({ images }: R2Store) => (await images.list()).map(({ target }) => target);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** That a thing is there, or gone, already is what was wanted: an earlier try had taken effect. */
async function unless(code: "ALREADY_EXISTS" | "NOT_FOUND", work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isSlipwayError(error, code)) throw error;
  });
}

export const SCENARIOS: readonly Scenario[] = [
  { name: "writing a small blob", act: writes(small), check: has(small) },
  { name: "writing a blob of one object", act: writes(medium), check: has(medium) },
  { name: "writing a blob in parts", act: writes(large), check: has(large) },
  {
    name: "resuming a blob that was left within a part",
    async prepare(store) {
      const writer = await store.content.writer({ ref: "r", digest: digestOf(large) });
      await writer.write(large.subarray(0, PART + 10));
      await writer.close();
    },
    act: writes(large),
    check: has(large),
  },
  {
    name: "reading a blob in segments",
    async prepare(store) {
      const writer = await store.content.writer({ ref: "r" });
      await writer.write(medium.subarray(0, 60_000));
      await writer.truncate(50_000);
      await writer.write(medium.subarray(50_000));
      await writer.commit();
      await writer.close();
    },
    async act(store) {
      const found = await readBlobBytes(store.content, { digest: digestOf(medium) });
      assertEqual(found.byteLength, medium.byteLength, "bytes");
    },
    check: has(medium),
  },
  {
    name: "labelling and deleting a blob",
    prepare: writes(medium),
    async act(store) {
      const digest = digestOf(medium);
      await unless("NOT_FOUND", store.content.label(digest, { a: "b" }));
      await unless("NOT_FOUND", store.content.delete(digest));
    },
    async check(store) {
      for await (const { digest } of store.content.list()) throw new Error(`${digest} is still there`);
    },
  },
  {
    name: "protecting a blob, and naming it",
    async act(store) {
      const lease = await store.leases.create();
      const content = withLease(store.content, lease);
      await writeBlob(content, small, { digest: digestOf(small) });
      await unless("ALREADY_EXISTS", store.images.create(image(small.byteLength)));
      await lease.release();
    },
    async check(store) {
      await collectGarbage({ content: store.content, leases: store.leases, roots: () => targetsOf(store) });
      await has(small)(store);
    },
  },
  {
    name: "collecting garbage",
    async prepare(store) {
      await writeBlob(store.content, small, { digest: digestOf(small) });
      await writeBlob(store.content, medium, { digest: digestOf(medium) });
      await writeBlob(store.content, tiny, { digest: digestOf(tiny) });
      await store.images.create(image(small.byteLength));
      await (await store.leases.create("holds")).add(digestOf(tiny));
    },
    async act(store) {
      const { removed } = await collectGarbage({
        content: store.content,
        leases: store.leases,
        roots: () => targetsOf(store),
      });
      for (const { digest } of removed) assertEqual(digest, digestOf(medium), "removed");
    },
    async check(store) {
      const left: string[] = [];
      for await (const { digest } of store.content.list()) left.push(digest);
      assertEqual(left.sort(), [digestOf(small), digestOf(tiny)].sort(), "blobs");
      assertEqual(await readBlobBytes(store.content, { digest: digestOf(tiny) }), tiny, "bytes");
    },
  },
  {
    name: "aborting an ingest",
    async prepare(store) {
      const writer = await store.content.writer({ ref: "r" });
      await writer.write(sampleBytes(4, 700_000));
      await writer.close();
    },
    act: (store) => unless("NOT_FOUND", store.content.abort("r")),
    async check(store) {
      for await (const { ref } of store.content.statuses()) throw new Error(`${ref} is still there`);
    },
  },
  {
    name: "creating, updating and listing an image",
    async act(store) {
      await unless("ALREADY_EXISTS", store.images.create(image(1)));
      await store.images.update(image(2));
      assertEqual((await store.images.list()).length, 1, "images");
    },
    async check(store) {
      assertEqual(await store.images.get(image(2).name), image(2), "image");
    },
  },
  {
    name: "deleting an image",
    async prepare(store) {
      await store.images.create(image(1));
    },
    act: (store) => unless("NOT_FOUND", store.images.delete(image(1).name)),
    async check(store) {
      assertEqual(await store.images.list(), [], "images");
    },
  },
  {
    name: "setting, comparing and removing metadata",
    async act(store) {
      await store.metadata.set("a", bytes("one"));
      await store.metadata.set("a", bytes("two"));
      assertEqual(await store.metadata.compareAndSet("a", bytes("two"), bytes("three")), true, "compareAndSet");
      await store.metadata.set("b", bytes("x"));
      await store.metadata.delete("b");
    },
    async check(store) {
      assertEqual(await store.metadata.keys(""), ["a"], "keys");
      assertEqual(await store.metadata.get("a"), bytes("three"), "a");
    },
  },
];
