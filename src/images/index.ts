export { checkImage } from "./check.ts";
export { createMemoryImageStore } from "./memory.ts";
export type { Image, ImageStore } from "./store.ts";
