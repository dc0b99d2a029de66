import { expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { parseDataSpec } from './dataSpec.js';

it.each([
  ['cifar10', { kind: 'cifar10' }],
  ['cifar10:some/cifar-10-binary.tar.gz', { kind: 'cifar10', location: 'some/cifar-10-binary.tar.gz' }],
  ['cifar100:a', { kind: 'cifar100', location: 'a' }],
  ['mnist', { kind: 'mnist' }],
  ['mnist:/data', { kind: 'mnist', location: '/data' }],
  ['images:C:\\pictures', { kind: 'images', location: 'C:\\pictures' }],
  ['arrays:C:\\a.npz', { kind: 'arrays', location: 'C:\\a.npz' }],
  ['csv:a.csv', { kind: 'csv', location: 'a.csv' }],
  ['synthetic', { kind: 'synthetic' }],
  [' synthetic:500 ', { kind: 'synthetic', count: 500 }],
])('understands %s', (text, spec) => {
  expect(parseDataSpec(text)).toEqual(spec);
});

it.each([
  ['imagenet', 'no such dataset'],
  ['', 'no such dataset'],
  ['images', 'the folder is missing'],
  ['arrays', 'the file is missing'],
  ['cifar10:', 'nothing follows the colon'],
  ['synthetic:0', 'positive whole number'],
  ['synthetic:-5', 'positive whole number'],
  ['synthetic:1e3', 'positive whole number'],
  ['synthetic:99999999999', 'data "synthetic:99999999999": the count is at most 1398101'],
])('refuses "%s" and lists what is allowed', (text, reason) => {
  expect(() => parseDataSpec(text)).toThrow(InputError);
  expect(() => parseDataSpec(text)).toThrow(reason);
  expect(() => parseDataSpec(text)).toThrow('synthetic[:COUNT]');
});
