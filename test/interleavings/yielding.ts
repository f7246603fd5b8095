import type { ContentStore, ContentWriter, LeaseRecords } from "../../src/content/index.ts";
import type { ImageStore } from "../../src/images/index.ts";
import type { MetadataStore } from "../../src/snapshots/index.ts";
import { step, type Touch } from "./scheduler.ts";

const reads = (key: string): Touch => ({ key, writes: false });
const writes = (key: string): Touch => ({ key, writes: true });

/** The same store; each call waits for its turn. */
export function yieldingContent(store: ContentStore): ContentStore {
  return {
    hasher: store.hasher,
    async info(digest, options) {
      await step(`info ${digest}`, reads(`blob ${digest}`));
      return await store.info(digest, options);
    },
    async *list() {
      await step("list blobs", reads("blob *"));
      yield* store.list();
    },
    async label(digest, labels) {
      await step(`label ${digest}`, writes(`blob ${digest}`));
      return await store.label(digest, labels);
    },
    async delete(digest) {
      await step(`delete ${digest}`, writes(`blob ${digest}`));
      await store.delete(digest);
    },
    async *open(digest, range, options) {
      await step(`open ${digest}`, reads(`blob ${digest}`));
      yield* store.open(digest, range, options);
    },
    async readWhole(digest, limit, options) {
      await step(`read ${digest}`, reads(`blob ${digest}`));
      return await store.readWhole?.(digest, limit, options);
    },
    async writer(options) {
      const { ref, digest } = options;
      await step(`writer ${ref}`, writes(`ingest ${ref}`));
      if (digest !== undefined) await step(`writer for ${digest}`, reads(`blob ${digest}`));
      return yieldingWriter(await store.writer(options));
    },
    async status(ref) {
      await step(`status ${ref}`, reads(`ingest ${ref}`));
      return await store.status(ref);
    },
    async *statuses() {
      await step("list ingests", reads("ingest *"));
      yield* store.statuses();
    },
    async abort(ref) {
      await step(`abort ${ref}`, writes(`ingest ${ref}`));
      await store.abort(ref);
    },
  };
}

/** What is written is nobody else's before the commit. */
function yieldingWriter(writer: ContentWriter): ContentWriter {
  return {
    ref: writer.ref,
    write: (bytes) => writer.write(bytes),
    truncate: (size) => writer.truncate(size),
    status: () => writer.status(),
    digest: () => writer.digest(),
    async commit(options = {}) {
      const digest = options.digest ?? writer.status().expected ?? writer.digest();
      await step(`commit ${digest}`, writes(`blob ${digest}`));
      return await writer.commit(options);
    },
    async close() {
      await step(`close ${writer.ref}`, writes(`ingest ${writer.ref}`));
      await writer.close();
    },
  };
}

/** The same store; each call waits for its turn. */
export function yieldingImages(images: ImageStore): ImageStore {
  return {
    async get(name) {
      await step(`get ${name}`, reads(`image ${name}`));
      return await images.get(name);
    },
    async list() {
      await step("list images", reads("image *"));
      return await images.list();
    },
    async create(image) {
      await step(`create ${image.name}`, writes(`image ${image.name}`));
      return await images.create(image);
    },
    async update(image) {
      await step(`update ${image.name}`, writes(`image ${image.name}`));
      return await images.update(image);
    },
    async delete(name) {
      await step(`delete ${name}`, writes(`image ${name}`));
      await images.delete(name);
    },
  };
}

/** The same records; each call waits for its turn. */
export function yieldingRecords(records: MetadataStore, name: string): MetadataStore & LeaseRecords {
  return {
    async get(key) {
      await step(`get ${key}`, reads(`${name} ${key}`));
      return await records.get(key);
    },
    async set(key, value) {
      await step(`set ${key}`, writes(`${name} ${key}`));
      await records.set(key, value);
    },
    async delete(key) {
      await step(`delete ${key}`, writes(`${name} ${key}`));
      await records.delete(key);
    },
    async compareAndSet(key, expected, value) {
      await step(`compare and set ${key}`, writes(`${name} ${key}`));
      return await records.compareAndSet(key, expected, value);
    },
    async keys(prefix) {
      await step(`keys ${prefix}`, reads(`${name} ${prefix}*`));
      return await records.keys(prefix);
    },
  };
}
