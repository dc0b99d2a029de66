/**
 * The two sets CIFAR-10 and CIFAR-100 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html): their files,
 * labels and classes. The archives' checksums are those published there.
 */
import type { RemoteFile } from './download.js';

/** One of the two forms in which a set is published. */
interface CifarForm extends RemoteFile {
  /** Folder in the archive. */
  readonly folder: string;
  readonly train: readonly string[];
  readonly test: string;
}

export interface CifarSet {
  readonly kind: 'cifar10' | 'cifar100';
  readonly title: string;
  readonly binary: CifarForm;
  readonly python: CifarForm;
  /** Number of label bytes before the pixels of a binary record; the last one is the class. */
  readonly labelBytes: number;
  /** Key of the labels in python files. */
  readonly labelKey: string;
  readonly classes: readonly string[];
}

const home = 'https://www.cs.toronto.edu/~kriz';
const batches = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}`);

export const cifar10: CifarSet = {
  kind: 'cifar10',
  title: 'CIFAR-10',
  binary: {
    url: `${home}/cifar-10-binary.tar.gz`,
    md5: 'c32a1d4ab5d03f1284b67883e8d87530',
    folder: 'cifar-10-batches-bin',
    train: batches.map((name) => `${name}.bin`),
    test: 'test_batch.bin',
  },
  python: {
    url: `${home}/cifar-10-python.tar.gz`,
    md5: 'c58f30108f718f92721af3b95e74349a',
    folder: 'cifar-10-batches-py',
    train: batches,
    test: 'test_batch',
  },
  labelBytes: 1,
  labelKey: 'labels',
  classes: words('airplane automobile bird cat deer dog frog horse ship truck'),
};

/** CIFAR-100 with its hundred classes; the twenty superclasses are not used. */
export const cifar100: CifarSet = {
  kind: 'cifar100',
  title: 'CIFAR-100',
  binary: {
    url: `${home}/cifar-100-binary.tar.gz`,
    md5: '03b5dce01913d631647c71ecec9e9cb8',
    folder: 'cifar-100-binary',
    train: ['train.bin'],
    test: 'test.bin',
  },
  python: {
    url: `${home}/cifar-100-python.tar.gz`,
    md5: 'eb9058c3a382ffc7106e4002c42a8d85',
    folder: 'cifar-100-python',
    train: ['train'],
    test: 'test',
  },
  labelBytes: 2,
  labelKey: 'fine_labels',
  classes: words(`
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
    forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
    mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
    sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
    willow_tree wolf woman worm`),
};

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
