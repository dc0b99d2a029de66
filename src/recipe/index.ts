export { askedFor, recommend } from './recipe.js';
