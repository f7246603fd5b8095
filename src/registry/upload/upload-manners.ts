/** What a registry is known to refuse. Uploads to it share this, so that each refusal is met once. */
export interface UploadManners {
  /** It takes no chunks. */
  refusesChunks: boolean;
  /** It does not begin an upload where a mount without a repository is asked for. */
  refusesAnonymousMounts: boolean;
  /** It takes no body whose length it is not told beforehand. */
  needsLength: boolean;
  /** Bytes; it called a larger request too large. */
  largestChunk: number | undefined;
}

/** Nothing is known yet. */
export const newManners = (): UploadManners => ({
  refusesChunks: false,
  refusesAnonymousMounts: false,
  needsLength: false,
  largestChunk: undefined,
});
