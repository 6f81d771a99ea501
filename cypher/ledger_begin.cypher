// A load says that it begins to write, so that the next one knows of its remains should it be killed.
// $moment: the moment of the load (DATETIME)   $dataset: the dataset's name
CREATE (p:PendingLoad {moment: $moment, dataset: $dataset})
