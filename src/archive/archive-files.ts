import { bytesEqual, readAll } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { DOCUMENT_LIMIT } from "../oci/json/parse.ts";
import type { TarEntry } from "../tar/entry.ts";
import { DOCKER_MANIFEST_FILE } from "./docker-manifest.ts";
import { cleanEntryPath, resolveEntryLink } from "./entry-path.ts";
import { OCI_INDEX_FILE, OCI_LAYOUT_FILE } from "./index-entries.ts";
import type { IngestedBlob } from "./ingest.ts";

/** Files that say what is in the archive. They are kept in memory, all others are blobs. */
const DOCUMENTS: ReadonlySet<string> = new Set([OCI_LAYOUT_FILE, OCI_INDEX_FILE, DOCKER_MANIFEST_FILE]);

/** Entries of one archive: an image has a few dozen. */
const ENTRY_LIMIT = 100_000;

/**
 * What becomes of a file that may be a blob.
 * @param digest what its path says, in an OCI layout
 * @returns undefined if the file is passed over
 */
export type TakeBlob = (digest: Digest | undefined) => Promise<IngestedBlob | undefined>;

/** The files of an archive, by clean path, taken in one after the other in whatever order they come. */
export class ArchiveFiles {
  readonly #documents = new Map<string, Uint8Array>();
  readonly #blobs = new Map<string, IngestedBlob>();
  readonly #links = new Map<string, string>();
  readonly #digests = new Map<Digest, number>();
  #entries = 0;

  /**
   * @throws SlipwayError `INVALID_ARCHIVE` for a path or link out of the archive, two files of one name that differ, too many
   *   entries; `DIGEST_MISMATCH` for a blob that is not what its name says; `SIZE_MISMATCH` for a document of more than 4 MiB
   */
  async add(entry: TarEntry, take: TakeBlob): Promise<void> {
    if (++this.#entries > ENTRY_LIMIT) throw invalid(`it has more than ${ENTRY_LIMIT} entries`);
    const path = cleanEntryPath(entry.name);
    switch (entry.type) {
      case "file":
        if (DOCUMENTS.has(path)) await this.#addDocument(path, entry);
        else this.#addBlob(path, await take(digestInPath(path)));
        break;
      case "symlink":
        this.#addLink(path, resolveEntryLink(path, entry.linkName ?? ""));
        break;
      case "link":
        this.#addLink(path, cleanEntryPath(entry.linkName ?? ""));
        break;
      default:
      // Directories say nothing, and what else there is nothing names.
    }
  }

  /** The bytes of `oci-layout`, `index.json` or `manifest.json`. */
  document(path: string): Uint8Array | undefined {
    return this.#documents.get(path);
  }

  /** Whether a file of that digest is in the archive. */
  has(digest: Digest): boolean {
    return this.#digests.has(digest);
  }

  /** The file at a clean path; links are followed. @throws SlipwayError `INVALID_ARCHIVE` if it is not there */
  file(path: string, what: string): IngestedBlob {
    const passed = new Set<string>();
    for (let at = path; !passed.has(at); ) {
      const blob = this.#blobs.get(at);
      if (blob !== undefined) return blob;
      passed.add(at);
      at = this.#links.get(at) ?? at;
    }
    const followed = [...passed].slice(1).map((at) => ` -> ${at}`);
    throw invalid(`${what} ${path}${followed.join("")} is not in it`);
  }

  async #addDocument(path: string, entry: TarEntry): Promise<void> {
    const bytes = await readAll(entry.content(), DOCUMENT_LIMIT, `${path} of the archive`);
    const before = this.#documents.get(path);
    if (this.#links.has(path) || (before !== undefined && !bytesEqual(before, bytes))) throw twice(path);
    this.#documents.set(path, bytes);
  }

  #addBlob(path: string, blob: IngestedBlob | undefined): void {
    if (blob === undefined) return;
    const before = this.#blobs.get(path);
    if (this.#links.has(path) || (before !== undefined && before.digest !== blob.digest)) throw twice(path);
    this.#blobs.set(path, blob);
    this.#digests.set(blob.digest, blob.size);
  }

  #addLink(path: string, target: string): void {
    if (DOCUMENTS.has(path)) throw invalid(`its ${path} is a link`);
    const before = this.#links.get(path);
    if (this.#blobs.has(path) || (before !== undefined && before !== target)) throw twice(path);
    this.#links.set(path, target);
  }
}

/** The digest that a blob of an OCI layout must have. */
function digestInPath(path: string): Digest | undefined {
  const [directory, algorithm, hex, ...more] = path.split("/");
  if (directory !== "blobs" || more.length > 0) return undefined;
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}

const twice = (path: string): SlipwayError =>
  invalid(`it has two different entries named ${JSON.stringify(path)}, of which readers may choose either`);

/** What is wrong with an archive as a whole. */
export function invalid(reason: string, cause?: unknown): SlipwayError {
  return new SlipwayError("INVALID_ARCHIVE", `Cannot read the archive: ${reason}`, { cause });
}
