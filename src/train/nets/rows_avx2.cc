// The row loops for one instruction set; see rows.h.
#define PENT_ROWS_SET(suffix) rows_avx2##suffix
#include "train/nets/rows_body.h"
