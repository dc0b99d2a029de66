export { askedFor, type Recipe, recommend } from './recipe.js';
