export { sourceLabel, sourceRepositories } from "../content/source-label.ts";
