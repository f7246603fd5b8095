export { behave as run } from "./behave.ts";
