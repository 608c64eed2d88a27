import type { Example } from '../example.d.mts';

export declare const example: Example;
