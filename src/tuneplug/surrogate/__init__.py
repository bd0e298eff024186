"""Surrogate: a Gaussian process over the warped unit cube, and the acquisition built on it.

The package imports none of its modules, because they import scipy.

Symbols of all modules:

    n, m          number of observations, number of points to predict at
    d             columns of the unit cube: p ordered, q categorical with c categories in all
    U (n, d)      points of the cube, one per row
    X (n, p)      ordered columns of U;  W (n, p) the same after the Kumaraswamy warps
    O (n, c)      one-hot columns of the categorical columns
    a, b (p,)     shapes of the warps; a = b = 1 is no warp
    l (p + q,)    lengthscales: one per ordered column, then one per categorical column
    Z (n, p + c)  embedding [W / l, O / (√2 l)]
    r²            squared distance of two rows of Z: two categories lie 1 / l² apart (Hamming)
    k(r²)         kernel;  dk_dr2 its derivative with respect to r²
    sigma_f²      amplitude: prior variance of the latent function
    sigma_n²      learned noise variance
    tau² (n,)     known noise variances of the targets
    mu            constant prior mean
    gamma         curvature of the output transform psi
    v (n,)        scaled losses;  t or y (n,) standardized targets
    theta         vector of all learned quantities: logarithms, except mu
    K             k(r²) + sigma_n² I + diag(tau²) = L Lᵀ;  alpha = K⁻¹ (y - mu)
"""
