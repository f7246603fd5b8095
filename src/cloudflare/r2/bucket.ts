/**
 * The part of a Worker's R2 binding that the store uses, written down here so that nothing of Cloudflare's has to be installed.
 * The `R2Bucket` of `@cloudflare/workers-types` fits.
 */
export interface R2BucketLike {
  /** What is known of an object, without its bytes. */
  head(key: string): Promise<R2ObjectLike | null>;
  /** An object, or a part of it. */
  get(key: string, options?: R2GetOptionsLike): Promise<R2ObjectBodyLike | null>;
  /** Writes an object whole. @returns null if the condition did not hold */
  put(key: string, value: Uint8Array, options?: R2PutOptionsLike): Promise<R2ObjectLike | null>;
  /** Removes objects; those that are not there are passed over. */
  delete(keys: string | string[]): Promise<void>;
  /** Objects in the order of their keys, a page at a time. */
  list(options?: R2ListOptionsLike): Promise<R2ObjectsLike>;
  /** Begins an object that is written in parts. */
  createMultipartUpload(key: string): Promise<R2MultipartUploadLike>;
  /** An upload that was begun before; nothing is asked of R2 yet. */
  resumeMultipartUpload(key: string, uploadId: string): R2MultipartUploadLike;
}

/** What R2 knows of an object. */
export interface R2ObjectLike {
  /** Its name in the bucket. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Changes with the content, and only with it. */
  readonly etag: string;
  /** When it was written. */
  readonly uploaded: Date;
  /** What its writer noted; absent from a list that was not asked for it. */
  readonly customMetadata?: Record<string, string>;
}

/** An object with its bytes. */
export interface R2ObjectBodyLike extends R2ObjectLike {
  /** The bytes asked for, all at once. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Which part of an object is read. */
export interface R2GetOptionsLike {
  /** In bytes. */
  readonly range?: { readonly offset: number; readonly length: number };
}

/** How an object is written. */
export interface R2PutOptionsLike {
  /** The write takes place only if this holds of what is there. `*` stands for any object. */
  readonly onlyIf?: { readonly etagMatches?: string; readonly etagDoesNotMatch?: string };
  /** Kept beside the content, at most 8 KiB. */
  readonly customMetadata?: Record<string, string>;
  /** In hex; R2 refuses other content. */
  readonly sha256?: string;
}

/** Which objects are listed. */
export interface R2ListOptionsLike {
  /** What keys begin with. */
  readonly prefix?: string;
  /** Where the last page ended. */
  readonly cursor?: string;
  /** What is told of each object besides its size. */
  readonly include?: "customMetadata"[];
}

/** One page of a list. */
export interface R2ObjectsLike {
  /** In the order of their keys. */
  readonly objects: R2ObjectLike[];
  /** Whether there are more. */
  readonly truncated: boolean;
  /** Where the next page begins. */
  readonly cursor?: string;
}

/** An object that is written in parts of at least 5 MiB, all but the last of the same size. */
export interface R2MultipartUploadLike {
  /** Names the upload until it is completed or aborted. */
  readonly uploadId: string;
  /** Writes one part; parts are numbered from 1. A part written again replaces the one before. */
  uploadPart(partNumber: number, value: Uint8Array): Promise<R2UploadedPartLike>;
  /** Throws the parts away. */
  abort(): Promise<void>;
  /** Makes the object of these parts. */
  complete(parts: R2UploadedPartLike[]): Promise<R2ObjectLike>;
}

/** A part as `complete` wants to be told of it. */
export interface R2UploadedPartLike {
  /** From 1. */
  readonly partNumber: number;
  /** As R2 gave it. */
  readonly etag: string;
}
