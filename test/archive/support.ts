import { type ArchiveSource, type WriteArchiveOptions, writeArchive } from "../../src/archive/index.ts";
import { readAll } from "../../src/bytes.ts";
import { readTar } from "../../src/tar/index.ts";
import { type SampleFile, sampleTar } from "../support/sample-image.ts";

const LIMIT = 64 * 1024 * 1024;

/** Files of an archive, in its order. */
export type Files = readonly (readonly [string, SampleFile])[];

/** The files of the archive that `writeArchive` makes, to be changed and put together again. */
export async function archiveFiles(
  images: ArchiveSource | readonly ArchiveSource[],
  options?: WriteArchiveOptions,
): Promise<Files> {
  const files: (readonly [string, SampleFile])[] = [];
  for await (const entry of readTar(writeArchive(images, options))) {
    const { content, name, ...header } = entry;
    files.push([name, { ...header, content: await readAll(content(), LIMIT) }]);
  }
  return files;
}

/** Bytes of one file. */
export function bytesOf(files: Files, path: string): Uint8Array {
  const file = files.find(([name]) => name === path)?.[1];
  if (typeof file === "object" && "content" in file && file.content instanceof Uint8Array) return file.content;
  throw new Error(`${path} is not there`);
}

/** The same files with other contents for some; `undefined` takes one out. What is not there is added at the end. */
export function replaced(files: Files, changes: Readonly<Record<string, SampleFile | undefined>>): Files {
  const kept = files.flatMap(([name, file]) => {
    if (!Object.hasOwn(changes, name)) return [[name, file] as const];
    const change = changes[name];
    return change === undefined ? [] : [[name, change] as const];
  });
  const names = new Set(files.map(([name]) => name));
  const added = Object.entries(changes).flatMap(([name, file]) =>
    names.has(name) || file === undefined ? [] : [[name, file] as const],
  );
  return [...kept, ...added];
}

/** A JSON document of an archive, changed. */
export function changedJson(files: Files, path: string, change: (document: never) => unknown): string {
  return JSON.stringify(change(JSON.parse(new TextDecoder().decode(bytesOf(files, path))) as never));
}

/** The archive of these files. */
export const archiveOf = (files: Files): Promise<Uint8Array<ArrayBuffer>> => sampleTar(files);

/** The bytes in pieces of the given sizes, over and over. */
export function* inPieces(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array, void, undefined> {
  for (let offset = 0, i = 0; offset < bytes.byteLength; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1);
    yield bytes.subarray(offset, offset + size);
    offset += size;
  }
}
