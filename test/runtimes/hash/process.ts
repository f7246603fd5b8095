export { hashByAll as run } from "./agree.ts";
